# What `cmake --install` (and a package) puts where. Files that are not there yet are left out.

install(TARGETS tailwhy RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

function(tw_install_if_there destination)
  foreach(file IN LISTS ARGN)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${file})
      install(FILES ${PROJECT_SOURCE_DIR}/${file} DESTINATION ${destination})
    endif()
  endforeach()
endfunction()

tw_install_if_there(${CMAKE_INSTALL_MANDIR}/man8 tools/man/tailwhy.8)
tw_install_if_there(${CMAKE_INSTALL_DOCDIR} README.md LICENSE)

# systemd reads /usr/lib/systemd/system whatever the multiarch library folder is called.
file(
  GLOB units
  RELATIVE ${PROJECT_SOURCE_DIR}
  CONFIGURE_DEPENDS tools/deploy/*.service tools/deploy/*.timer)
tw_install_if_there(lib/systemd/system ${units})

foreach(shell_file IN ITEMS bash/tailwhy zsh/_tailwhy fish/tailwhy.fish)
  get_filename_component(shell ${shell_file} DIRECTORY)
  if(shell STREQUAL bash)
    set(destination ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  elseif(shell STREQUAL zsh)
    set(destination ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  else()
    set(destination ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  endif()
  tw_install_if_there(${destination} tools/completions/${shell_file})
endforeach()
